# export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
try() { echo "$ $*" >&2; mpirun --oversubscribe "$@" 2>&1 | grep '^error\|^stopped' | sort >&2; }
cp net.anedsl x.npy t.npy nan.npy %t && cd %t && cp x.npy x0.npy && cp x.npy x2.npy
try -np 3 anetrain net.anedsl -q --data x.npy,t.npy -o run
try -np 3 anetrain net.anedsl -q --data x.npy,t.npy --accum 2 -o run
try -np 2 anetrain net.anedsl -q --data gone.npy,t.npy --accum 2 -o run
try --enable-recovery -np 3 sh -c 'anetrain net.anedsl -q --data x$OMPI_COMM_WORLD_RANK.npy,t.npy --accum 3 -o run'
try --enable-recovery -np 3 anetrain net.anedsl --data nan.npy,t.npy --batch 3 --accum 4 -b ref -o run
OMPI_COMM_WORLD_SIZE=1 ANEC_MPI_LIB=/nowhere/libmpi.so anetrain net.anedsl --data x.npy,t.npy -o run
echo "exit $?" >&2
OMPI_COMM_WORLD_SIZE=1 ANEC_MPI_LIB=$ANESIM anetrain net.anedsl --data x.npy,t.npy -o run
echo "exit $?" >&2
ls
anetrain --version | grep -c '^  MPI (Open MPI)  *\(present\|absent\)$'
ANEC_MPI_LIB=/nowhere/libmpi.so anetrain --version | grep MPI
