# cat >%t/terminal.py <<'END'
import os, pty, sys
out = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
def keep(fd):
    b = os.read(fd, 65536)
    os.write(out, b)
    return b
pty.spawn(sys.argv[2:], keep)
END
cat >%t/a.anedsl <<'END'
model main(x: fp16[1, 4]) -> y = rleu(x)
END
cd %t
for kind in "" NO_COLOR=1 TERM=dumb; do
    rm -f said
    env -u NO_COLOR TERM=xterm $kind python3 terminal.py said anec --check a.anedsl </dev/null >/dev/null
    echo "$kind"; tr '\033\r' 'E ' <said; echo
done
anec --check a.anedsl 2>&1 | tr '\033' E
