# echo 'main[CoreML8](%x: (1, 4, fp16)(Tensor)) {' >%t/x.mil && anec %t/x.mil
# exit: 1
