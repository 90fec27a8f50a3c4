# anec -q lacks.mil --emit coreai-py; echo "exit $?"
anec -q computed.mil --emit coreai-py; echo "exit $?"
anec -q small.mil --emit coreai-py | sed -n '1,/^WEIGHTS/p;/^def graph_1/,$p'
anec -q big.anedsl --emit coreai-py; echo "exit $?"
anec -q big.anedsl --emit coreai-py -o %t/big.py && ls %t %t/big.weights && grep '^WEIGHTS\|weight("' %t/big.py
anec -q big.anedsl --emit coreai-py -o %t/big.mil; echo "exit $?"
