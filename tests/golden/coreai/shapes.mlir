// anerun %s --input x=shapes-x.npy --input r=shapes-r.npy
module {
  coreai.graph @main(%arg0: tensor<2x3xf32> {coreai.name = "x"}, %arg1: tensor<1x3xf32> {coreai.name = "r"}) -> (tensor<3x2xf32> {coreai.name = "reshaped"}, tensor<2x1x3xf32> {coreai.name = "expanded"}, tensor<3xf32> {coreai.name = "shrunk"}, tensor<4x3xf32> {coreai.name = "in_dims"}, tensor<2x2x3xf32> {coreai.name = "to"}, tensor<4x3xf32> {coreai.name = "tiled"}, tensor<3x3xf32> {coreai.name = "joined"}, tensor<2x1xf32> {coreai.name = "first"}, tensor<2x2xf32> {coreai.name = "rest"}, tensor<2x2xf32> {coreai.name = "cut"}, tensor<2x3xf32> {coreai.name = "updated"}, tensor<2x3xf32> {coreai.name = "backwards"}, tensor<2xui32> {coreai.name = "dims"}, tensor<4xsi32> {coreai.name = "line"}) {
    %0 = coreai.constant dense<[3, 2]> : tensor<2xui32>
    %1 = coreai.reshape %arg0, %0 : (tensor<2x3xf32>, tensor<2xui32>) -> tensor<3x2xf32>
    %2 = coreai.constant dense<1> : tensor<1xsi32>
    %3 = coreai.expand_dims %arg0, %2 : (tensor<2x3xf32>, tensor<1xsi32>) to tensor<2x1x3xf32>
    %4 = coreai.constant dense<0> : tensor<1xsi32>
    %5 = coreai.shrink_dims %arg1, %4 : (tensor<1x3xf32>, tensor<1xsi32>) to tensor<3xf32>
    %6 = coreai.constant dense<4> : tensor<1xui32>
    %7 = coreai.broadcast_in_dims %arg1, %6, %4 : (tensor<1x3xf32>, tensor<1xui32>, tensor<1xsi32>) -> tensor<4x3xf32>
    %8 = coreai.constant dense<[2, 2, 3]> : tensor<3xui32>
    %9 = coreai.broadcast_to %arg1, %8 : (tensor<1x3xf32>, tensor<3xui32>) -> tensor<2x2x3xf32>
    %10 = coreai.constant dense<[2, 1]> : tensor<2xui32>
    %11 = coreai.tile %arg0, %10 : (tensor<2x3xf32>, tensor<2xui32>) -> tensor<4x3xf32>
    %12 = coreai.constant dense<0> : tensor<si32>
    %13 = coreai.concat %12, %arg0, %arg1 : (tensor<si32>, tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
    %14 = coreai.constant dense<[1, 2]> : tensor<2xui32>
    %15 = coreai.constant dense<1> : tensor<si32>
    %16:2 = coreai.split %arg0, %14, %15 : (tensor<2x3xf32>, tensor<2xui32>, tensor<si32>) -> (tensor<2x1xf32>, tensor<2x2xf32>)
    %17 = coreai.constant dense<[0, 1]> : tensor<2xsi32>
    %18 = coreai.constant dense<[2147483647, 3]> : tensor<2xsi32>
    %19 = coreai.constant dense<1> : tensor<2xsi32>
    %20 = coreai.slice %arg0, %17, %18, %19 : (tensor<2x3xf32>, tensor<2xsi32>, tensor<2xsi32>, tensor<2xsi32>) -> tensor<2x2xf32>
    %21 = coreai.constant dense<[1, 0]> : tensor<2xsi32>
    %22 = coreai.constant dense<[2, 2147483647]> : tensor<2xsi32>
    %23 = coreai.slice_update %arg0 with %arg1 at (%21, %22, %19) : (tensor<2x3xf32>, tensor<1x3xf32>, tensor<2xsi32>, tensor<2xsi32>, tensor<2xsi32>) to tensor<2x3xf32>
    %24 = coreai.reverse %arg0, %2 : (tensor<2x3xf32>, tensor<1xsi32>) -> tensor<2x3xf32>
    %25 = coreai.get_shape %arg0 : tensor<2x3xf32> -> tensor<2xui32>
    %26 = coreai.constant dense<8> : tensor<si32>
    %27 = coreai.constant dense<2> : tensor<si32>
    %28 = coreai.range %12, %26, %27 : (tensor<si32>, tensor<si32>, tensor<si32>) -> tensor<4xsi32>
    coreai.output %1, %3, %5, %7, %9, %11, %13, %16#0, %16#1, %20, %23, %24, %25, %28 : tensor<3x2xf32>, tensor<2x1x3xf32>, tensor<3xf32>, tensor<4x3xf32>, tensor<2x2x3xf32>, tensor<4x3xf32>, tensor<3x3xf32>, tensor<2x1xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xui32>, tensor<4xsi32>
  }
}
