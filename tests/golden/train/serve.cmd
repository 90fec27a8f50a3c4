# try() { echo "$ $*" >&2; anetrain "$@" 2>&1 | sed -E '2,$d; s/127.0.0.1:[0-9]+/127.0.0.1:8000/' >&2; }
try net.anedsl --data x.npy,t.npy --serve=far -o %t/run
try net.anedsl --data x.npy,t.npy --serve=65536 -o %t/run
anetrain net.anedsl --data x.npy,t.npy --serve=65536 -o %t/run 2>/dev/null; echo "exit $?" >&2
try net.anedsl --data x.npy,t.npy --sample-every 2 -o %t/run
printf abcabcabcabcabcabcabcabc >%t/a.txt
head -c 48 /dev/zero >%t/a.bin
try words.anedsl --data %t/a.txt --sample-every 2 -o %t/run
try words.anedsl --data %t/a.bin --sample-every 2 -o %t/run
python3 - %t <<'EOF'
import socket, subprocess, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
at = "--serve=%d" % s.getsockname()[1]
done = subprocess.run(["anetrain", "-q", "net.anedsl", "--data", "x.npy,t.npy", at, "-b", "ref", "-o", sys.argv[1] + "/run"],
                      stderr=subprocess.PIPE, text=True)
print(done.returncode, done.stderr.replace(at[8:], "8000"), end="")
EOF
cp ../../../examples/text/char_llama.anedsl %t/m.anedsl
yes abc | head -n 99 | tr -d "\n" >%t/b.txt
anetrain %t/m.anedsl --data %t/b.txt --vocab chars --set vocabulary=3 --set dim=16 --set hidden=16 --set positions=8 --set blocks=1 -b ref --steps 60 --lr 0.02 --sample-every 30 --serve -o %t/run2 2>&1 | grep -E 'sample|follows' | sed -E 's/127.0.0.1:[0-9]+/127.0.0.1:8000/'
cat %t/run2/samples.txt
anetrain --help | grep -A 2 -e "--serve\["
