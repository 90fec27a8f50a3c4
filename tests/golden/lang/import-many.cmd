# mkdir %t/m && cd %t/m && i=0 && while [ $i -lt 1001 ]; do i=$((i + 1)); echo "import \"f$i.anedsl\"" >>many.anedsl; : >f$i.anedsl; done; anec --check many.anedsl
# exit: 1
