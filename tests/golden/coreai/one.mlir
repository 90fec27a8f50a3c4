// anerun %s --input x=one-x.npy
// Every operation of one operand; real texts print some with brackets about the type of it.
module {
  coreai.graph @main(%arg0: tensor<2x3xf32> {coreai.name = "x"}) -> (tensor<2x3xf32> {coreai.name = "abs_y"}, tensor<2x3xf32> {coreai.name = "acos_y"}, tensor<2x3xf32> {coreai.name = "acosh_y"}, tensor<2x3xf32> {coreai.name = "asin_y"}, tensor<2x3xf32> {coreai.name = "asinh_y"}, tensor<2x3xf32> {coreai.name = "atan_y"}, tensor<2x3xf32> {coreai.name = "atanh_y"}, tensor<2x3xf32> {coreai.name = "ceil_y"}, tensor<2x3xf32> {coreai.name = "cos_y"}, tensor<2x3xf32> {coreai.name = "cosh_y"}, tensor<2x3xf32> {coreai.name = "erf_y"}, tensor<2x3xf32> {coreai.name = "exp_y"}, tensor<2x3xf32> {coreai.name = "floor_y"}, tensor<2x3xf32> {coreai.name = "gelu_y"}, tensor<2x3xf32> {coreai.name = "log_y"}, tensor<2x3xf32> {coreai.name = "neg_y"}, tensor<2x3xf32> {coreai.name = "relu_y"}, tensor<2x3xf32> {coreai.name = "round_y"}, tensor<2x3xf32> {coreai.name = "rsqrt_y"}, tensor<2x3xf32> {coreai.name = "sigmoid_y"}, tensor<2x3xf32> {coreai.name = "silu_y"}, tensor<2x3xf32> {coreai.name = "sin_y"}, tensor<2x3xf32> {coreai.name = "sinh_y"}, tensor<2x3xf32> {coreai.name = "sqrt_y"}, tensor<2x3xf32> {coreai.name = "tan_y"}, tensor<2x3xf32> {coreai.name = "tanh_y"}, tensor<2x3xf32> {coreai.name = "trunc_y"}, tensor<2x3xf32> {coreai.name = "gelu_tanh_y"}, tensor<2x3xi1> {coreai.name = "is_y"}, tensor<2x3xi1> {coreai.name = "is_not_y"}) attributes {__coreai_pure__} {
    %0 = coreai.abs %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %1 = coreai.acos %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %more = coreai.constant dense<1.000000e+00> : tensor<f32>
    %above = coreai.decomposable.broadcasting_add %arg0, %more : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
    %2 = coreai.acosh %above : tensor<2x3xf32> -> tensor<2x3xf32>
    %3 = coreai.asin %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %4 = coreai.asinh %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %5 = coreai.atan %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %6 = coreai.atanh %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %7 = coreai.ceil %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %8 = coreai.cos %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %9 = coreai.cosh %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %10 = coreai.erf %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %11 = coreai.exp %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %12 = coreai.floor %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %13 = coreai.gelu %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %14 = coreai.log %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %15 = coreai.neg %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %16 = coreai.relu %arg0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %17 = coreai.round %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %18 = coreai.rsqrt %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %19 = coreai.sigmoid %arg0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %20 = coreai.silu %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %21 = coreai.sin %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %22 = coreai.sinh %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %23 = coreai.sqrt %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %24 = coreai.tan %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %25 = coreai.tanh %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %26 = coreai.trunc %arg0 : tensor<2x3xf32> -> tensor<2x3xf32>
    %27 = coreai.gelu %arg0 approximate = <tanh> : tensor<2x3xf32> -> tensor<2x3xf32>
    %28 = coreai.cast %arg0 : tensor<2x3xf32> to tensor<2x3xi1>
    %29 = coreai.not %28 : tensor<2x3xi1> -> tensor<2x3xi1>
    coreai.output %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi1>
  }
}
