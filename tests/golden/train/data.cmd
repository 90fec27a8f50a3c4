# try() { echo "$ $*" >&2; anetrain net.anedsl -q -b ref --steps 3 -o %t/run "$@"; echo "exit $?" >&2; }
try
try --data x.npy
try --data x.npy,t.npy,x.npy
try --data x=x.npy,x=x.npy
try --data x.npy,t5.npy
try --data wide.npy,t.npy
try --data scalar.npy,t.npy
try --data x.npy,tf.npy
try --data x2.npy,t2.npy
try --data gone.npy,t.npy
try --data nan.npy,t.npy
try --data x.npy,t_far.npy
try --data x.npy,t_less.npy
try --data x.npy,t.npy --eval x.npy,t_less.npy --eval-every 2
try --data x.npy,t.npy --eval nan.npy,t.npy --eval-every 2
try --data built-in:tiny
try --data x.npy,t.npy --eval x5.npy,t5.npy --eval-every 2 --batch 7
try --data x5.npy,t5.npy --batch 5
