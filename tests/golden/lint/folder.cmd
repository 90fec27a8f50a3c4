# mkdir -p %t/models/deep/.git && cp clean.anedsl library.anedsl wrong.anedsl %t/models && cp narrow.mil %t/models/deep && cp wrong.anedsl %t/models/deep/.git && ln -s ../wrong.anedsl %t/models/deep/link.anedsl
anec lint %t/models; echo "exit $?"
for how in -v -q --compiled '-t m1' '-t m4,26.3,host' '-t m1 -Werror=approximate'; do echo "== $how"; anec lint $how %t/models/deep; echo "exit $?"; done
echo "== clean"; anec lint %t/models/clean.anedsl -t m1,m5; echo "exit $?"
echo "== package"; anec -q -t host narrow.mil -o %t/p/net.mlpackage && anec lint -t m1 %t/p; echo "exit $?"
echo "== cut"; head -c 40 narrow.mil >%t/cut.mil; anec lint -t m1,m4 %t/cut.mil; echo "exit $?"
