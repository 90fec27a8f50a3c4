# for how in '' '-o %t/one.mil' '--stats' '--dump-after all' '--emit tokens' '--list-rules' '--explain lstm' '--emit dot -o %t/one.dot' '--check --emit mil'; do echo "== $how"; anec -t m1,m4 $how net.anedsl 2>&1; done
echo "== {target} without one"; anec -o '%t/{target}.mil' net.anedsl 2>&1; echo "exit $?"
echo "== -"; anec -t m1,m4 --from anedsl -o '%t/{target}.mil' - 2>&1; echo "exit $?"
echo "== absent"; anec -t m1,m4 -o '%t/{target}.mil' absent.mil 2>&1; echo "exit $?"
echo "== drawings"; anec -t m1,m4 --emit dot -o '%t/{target}.dot' net.anedsl 2>&1 && ls %t
