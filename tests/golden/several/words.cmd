# for t in m1,m9 m1,tahoe m1,27.2,26 26.3 m1, ,m1 m1,20 m1,m4,m1 m4,26.3,m4,26.3 m1,macos m1,macos20 m1,macosx m1,macos15; do echo "== $t"; anec -t "$t" -o '%t/{target}.mil' net.anedsl 2>&1 | head -1; done
for t in m4,26.3 m4,26.3,m4,15 m1,m4,26.3 m1,26.3,m4 m4,macos15,m1,macOS26.3; do echo "== $t"; anec --target $t -o "%t/$t/{target}.mil" net.anedsl 2>&1; ls %t/$t; done
