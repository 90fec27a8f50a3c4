// anerun %s --input x=layers-x.npy
// Padding stands before a convolution, its bias behind it; a sum over windows, divided, is a mean.
module {
  coreai.graph @main(%arg0: tensor<1x1x3x3xf32> {coreai.name = "x"}) -> (tensor<1x2x3x3xf32> {coreai.name = "conv"}, tensor<1x1x2x2xf32> {coreai.name = "largest"}, tensor<1x1x2x2xf32> {coreai.name = "mean"}, tensor<1x1x6x6xf32> {coreai.name = "up"}, tensor<1x1x1x2x2xf32> {coreai.name = "conv3"}, tensor<1x1x1x2x2xf32> {coreai.name = "sum3"}, tensor<1x1x3x5xf32> {coreai.name = "mirrored"}, tensor<1x1x3x5xf32> {coreai.name = "edged"}) {
    %0 = coreai.constant dense<1> : tensor<2xui32>
    %1 = coreai.constant dense<1> : tensor<ui32>
    %2 = coreai.constant dense<[0, 0, 0, 0, 1, 1, 1, 1]> : tensor<8xui32>
    %3 = coreai.constant dense<0.000000e+00> : tensor<f32>
    %4 = coreai.pad %arg0, %2, %3 mode = <constant> : (tensor<1x1x3x3xf32>, tensor<8xui32>, tensor<f32>) -> tensor<1x1x5x5xf32>
    %5 = coreai.constant dense<[[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]], [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]]]> : tensor<2x1x3x3xf32>
    %6 = coreai.conv2d %4, %5, %0, %0, %1 : (tensor<1x1x5x5xf32>, tensor<2x1x3x3xf32>, tensor<2xui32>, tensor<2xui32>, tensor<ui32>) -> tensor<1x2x3x3xf32>
    %7 = coreai.constant dense<[[[[1.000000e+02]], [[-1.0]]]]> : tensor<1x2x1x1xf32>
    %8 = coreai.decomposable.broadcasting_add %6, %7 : (tensor<1x2x3x3xf32>, tensor<1x2x1x1xf32>) -> tensor<1x2x3x3xf32>
    %9 = coreai.constant dense<2> : tensor<2xui32>
    %10 = coreai.constant dense<true> : tensor<i1>
    %11 = coreai.max_pool_2d %arg0, %9, %9, %0, %10 : (tensor<1x1x3x3xf32>, tensor<2xui32>, tensor<2xui32>, tensor<2xui32>, tensor<i1>) -> tensor<1x1x2x2xf32>
    %12 = coreai.sum_pool_2d %arg0, %9, %0, %0 : (tensor<1x1x3x3xf32>, tensor<2xui32>, tensor<2xui32>, tensor<2xui32>) -> tensor<1x1x2x2xf32>
    %13 = coreai.constant dense<4.000000e+00> : tensor<f32>
    %14 = coreai.decomposable.broadcasting_divide %12, %13 : (tensor<1x1x2x2xf32>, tensor<f32>) -> tensor<1x1x2x2xf32>
    %15 = coreai.constant dense<0> : tensor<2xui32>
    %16 = coreai.constant dense<1.000000e+00> : tensor<1x1x2x2xf32>
    %17 = coreai.conv_transpose2d %arg0, %16, %9, %0, %15, %15, %1 : (tensor<1x1x3x3xf32>, tensor<1x1x2x2xf32>, tensor<2xui32>, tensor<2xui32>, tensor<2xui32>, tensor<2xui32>, tensor<ui32>) -> tensor<1x1x6x6xf32>
    %18 = coreai.constant dense<[1, 1, 1, 3, 3]> : tensor<5xui32>
    %19 = coreai.reshape %arg0, %18 : (tensor<1x1x3x3xf32>, tensor<5xui32>) -> tensor<1x1x1x3x3xf32>
    %20 = coreai.constant dense<1.000000e+00> : tensor<1x1x1x2x2xf32>
    %21 = coreai.constant dense<1> : tensor<3xui32>
    %22 = coreai.conv3d %19, %20, %21, %21, %1 : (tensor<1x1x1x3x3xf32>, tensor<1x1x1x2x2xf32>, tensor<3xui32>, tensor<3xui32>, tensor<ui32>) -> tensor<1x1x1x2x2xf32>
    %23 = coreai.constant dense<[1, 2, 2]> : tensor<3xui32>
    %24 = coreai.sum_pool_3d %19, %23, %21, %21 : (tensor<1x1x1x3x3xf32>, tensor<3xui32>, tensor<3xui32>, tensor<3xui32>) -> tensor<1x1x1x2x2xf32>
    %25 = coreai.constant dense<[0, 0, 0, 0, 0, 0, 1, 1]> : tensor<8xui32>
    %26 = coreai.pad %arg0, %25, %3 mode = <reflect> : (tensor<1x1x3x3xf32>, tensor<8xui32>, tensor<f32>) -> tensor<1x1x3x5xf32>
    %27 = coreai.pad %arg0, %25, %3 mode = <replicate> : (tensor<1x1x3x3xf32>, tensor<8xui32>, tensor<f32>) -> tensor<1x1x3x5xf32>
    coreai.output %8, %11, %14, %17, %22, %24, %26, %27 : tensor<1x2x3x3xf32>, tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>, tensor<1x1x6x6xf32>, tensor<1x1x1x2x2xf32>, tensor<1x1x1x2x2xf32>, tensor<1x1x3x5xf32>, tensor<1x1x3x5xf32>
  }
}
