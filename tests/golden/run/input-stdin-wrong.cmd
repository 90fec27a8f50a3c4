# echo no array | anerun -q -i x=- add.mil; printf '\223NUMPY' | anerun -q -i x=- add.mil; anerun -q -i x=- add.mil < /dev/null
# exit: 1
