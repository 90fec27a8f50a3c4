// anerun %s --input x=along-x.npy --input a=along-a.npy
// Parameters are operands: axes, shapes, places.
module {
  coreai.graph @main(%arg0: tensor<2x3xf32> {coreai.name = "x"}, %arg1: tensor<1x2x3xf32> {coreai.name = "a"}) -> (tensor<2x1xf32> {coreai.name = "largest"}, tensor<2x1xf32> {coreai.name = "mean"}, tensor<2x1xf32> {coreai.name = "smallest"}, tensor<1x1xf32> {coreai.name = "product"}, tensor<2x1xf32> {coreai.name = "sum"}, tensor<2x1xsi32> {coreai.name = "place"}, tensor<2x3xf32> {coreai.name = "soft"}, tensor<2x3xf32> {coreai.name = "running"}, tensor<2x2xf32> {coreai.name = "matrix"}, tensor<1x2x2xf32> {coreai.name = "matrices"}, tensor<1xi1> {coreai.name = "some"}) {
    %0 = coreai.constant dense<1> : tensor<1xsi32>
    %1 = coreai.constant dense<1> : tensor<si32>
    %2 = coreai.constant dense<[0, 1]> : tensor<2xsi32>
    %3 = coreai.reduce_max %arg0, %0 : (tensor<2x3xf32>, tensor<1xsi32>) -> tensor<2x1xf32>
    %4 = coreai.reduce_mean %arg0, %0 : (tensor<2x3xf32>, tensor<1xsi32>) -> tensor<2x1xf32>
    %5 = coreai.reduce_min %arg0, %0 : (tensor<2x3xf32>, tensor<1xsi32>) -> tensor<2x1xf32>
    %6 = coreai.reduce_product %arg0, %2 : (tensor<2x3xf32>, tensor<2xsi32>) -> tensor<1x1xf32>
    %7 = coreai.reduce_sum %arg0, %0 : (tensor<2x3xf32>, tensor<1xsi32>) -> tensor<2x1xf32>
    %8 = coreai.argmax %arg0, %1 : (tensor<2x3xf32>, tensor<si32>) -> tensor<2x1xui32>
    %9 = coreai.cast %8 : tensor<2x1xui32> to tensor<2x1xsi32>
    %10 = coreai.softmax %arg0, %1 : (tensor<2x3xf32>, tensor<si32>) -> tensor<2x3xf32>
    %11 = coreai.constant dense<1> : tensor<ui32>
    %12 = coreai.constant dense<false> : tensor<i1>
    %13 = coreai.scan %arg0, %11, %12 combiner = <sum> : (tensor<2x3xf32>, tensor<ui32>, tensor<i1>) -> tensor<2x3xf32>
    %14 = coreai.constant dense<[1, 0]> : tensor<2xui32>
    %15 = coreai.transpose %arg0, %14 : (tensor<2x3xf32>, tensor<2xui32>) -> tensor<3x2xf32>
    %16 = coreai.batch_matmul %arg0, %15 : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
    %17 = coreai.decomposable.broadcasting_batch_matmul %arg1, %15 : (tensor<1x2x3xf32>, tensor<3x2xf32>) -> tensor<1x2x2xf32>
    %18 = coreai.constant dense<[[false, true]]> : tensor<1x2xi1>
    %19 = coreai.any %18, %0 : (tensor<1x2xi1>, tensor<1xsi32>) -> tensor<1x1xi1>
    %20 = coreai.shrink_dims %19, %0 : (tensor<1x1xi1>, tensor<1xsi32>) to tensor<1xi1>
    coreai.output %3, %4, %5, %6, %7, %9, %10, %13, %16, %17, %20 : tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<1x1xf32>, tensor<2x1xf32>, tensor<2x1xsi32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x2xf32>, tensor<1x2x2xf32>, tensor<1xi1>
  }
}
