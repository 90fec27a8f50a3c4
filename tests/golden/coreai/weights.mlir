// anerun %s --input x=weights-x.npy
// A palette, blocks, numbers of a byte, bytes in hexadecimal and in a resource, infinity by its bits.
module {
  coreai.graph @main(%arg0: tensor<1x4xf16> {coreai.name = "x"}) -> (tensor<1x4xf16> {coreai.name = "palette"}, tensor<1x4xf16> {coreai.name = "blocks"}, tensor<1x4xsi8> {coreai.name = "bytes"}, tensor<1x4xf16> {coreai.name = "back"}, tensor<1x4xf16> {coreai.name = "hex"}, tensor<1x4xf16> {coreai.name = "resource"}, tensor<1x4xi1> {coreai.name = "less"}) {
    %0 = coreai.constant dense<[[0, 1, 2, 3]]> : tensor<1x4xui2>
    %1 = coreai.constant dense<[[[[-1.000000e+00], [0.5], [2.0], [4.0]]]]> : tensor<1x1x4x1xf16>
    %2 = coreai.constant dense<0> : tensor<si16>
    %3 = coreai.lut_to_dense %0, %1, %2 : (tensor<1x4xui2>, tensor<1x1x4x1xf16>, tensor<si16>) -> tensor<1x4xf16>
    %4 = coreai.decomposable.broadcasting_mul %arg0, %3 : (tensor<1x4xf16>, tensor<1x4xf16>) -> tensor<1x4xf16>
    %5 = coreai.constant dense<[[1, 2, 3, -4]]> : tensor<1x4xsi8>
    %6 = coreai.constant dense<[[0.5, 2.0]]> : tensor<1x2xf16>
    %7 = coreai.constant dense<[[1, 0]]> : tensor<1x2xsi8>
    %8 = coreai.constant dense<0.000000e+00> : tensor<1x2xf16>
    %9 = coreai.blockwise_shift_scale %5, %6, %7, %8 : (tensor<1x4xsi8>, tensor<1x2xf16>, tensor<1x2xsi8>, tensor<1x2xf16>) -> tensor<1x4xf16>
    %10 = coreai.decomposable.broadcasting_add %arg0, %9 : (tensor<1x4xf16>, tensor<1x4xf16>) -> tensor<1x4xf16>
    %11 = coreai.constant dense<5.000000e-01> : tensor<f16>
    %12 = coreai.constant dense<1> : tensor<si8>
    %13 = coreai.constant dense<0.000000e+00> : tensor<f16>
    %14 = coreai.constant dense<1> : tensor<si32>
    %15 = coreai.quantize %arg0, %11, %12, %13, %14 : (tensor<1x4xf16>, tensor<f16>, tensor<si8>, tensor<f16>, tensor<si32>) -> tensor<1x4xsi8>
    %16 = coreai.dequantize %15, %11, %12, %13, %14 : (tensor<1x4xsi8>, tensor<f16>, tensor<si8>, tensor<f16>, tensor<si32>) -> tensor<1x4xf16>
    %17 = coreai.constant dense<"0x003C004000440048"> : tensor<1x4xf16>
    %18 = coreai.decomposable.broadcasting_mul %arg0, %17 : (tensor<1x4xf16>, tensor<1x4xf16>) -> tensor<1x4xf16>
    %19 = coreai.constant dense_resource<resource_7> : tensor<1x4xf16>
    %20 = coreai.decomposable.broadcasting_mul %arg0, %19 : (tensor<1x4xf16>, tensor<1x4xf16>) -> tensor<1x4xf16>
    %21 = coreai.constant dense<0x7C00> : tensor<f16>
    %22 = coreai.decomposable.broadcasting_greater %21, %arg0 : (tensor<f16>, tensor<1x4xf16>) -> tensor<1x4xi1>
    coreai.output %4, %10, %15, %16, %18, %20, %22 : tensor<1x4xf16>, tensor<1x4xf16>, tensor<1x4xsi8>, tensor<1x4xf16>, tensor<1x4xf16>, tensor<1x4xf16>, tensor<1x4xi1>
  }
}

{-#
  dialect_resources: {
    builtin: {
      resource_7: "0x02000000003C003C00C000C0"
    }
  }
#-}
