# mkdir -p %t/net && anec %t/net; echo $?; anerun %t/net
# exit: 2
