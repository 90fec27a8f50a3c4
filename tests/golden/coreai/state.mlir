// anerun %s --input x=state-x.npy --iterations 3
// A state is a handle; tokens say the order of what reads and writes it.
module {
  coreai.graph @main(%arg0: !coreai.handle<tensor<1x4xf32>> {MutableBuffers.buffer_mutation = "total", coreai.name = "total"}, %arg1: tensor<1x4xf32> {coreai.name = "x"}) -> (!coreai.token {coreai.name = "total"}, tensor<1x4xf32> {coreai.name = "sum"}) {
    %0 = coreai.create_token : !coreai.token
    %1, %2 = coreai.read_handle %arg0, %0 : (<tensor<1x4xf32>>, !coreai.token) -> (tensor<1x4xf32>, !coreai.token)
    %3 = coreai.add %1, %arg1 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
    %4 = coreai.write_handle %arg0, %3, %2 : (<tensor<1x4xf32>>, tensor<1x4xf32>, !coreai.token) -> !coreai.token
    coreai.output %4, %3 : !coreai.token, tensor<1x4xf32>
  }
}
