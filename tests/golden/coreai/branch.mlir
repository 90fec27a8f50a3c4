// anerun %s --input x=branch-x.npy
// Both branches may use a name again. A composite is a graph that is invoked; two graphs are two entries.
module {
  coreai.graph private noinline @hard_sigmoid_1(%arg0: tensor<4xf32> {coreai.name = "input"}) -> tensor<4xf32> attributes {__coreai_pure__, composite_decl = #coreai.composite_declaration<"hard_sigmoid" = {input_names = ["input"], op_attrs = {version = 1 : si64}, output_names = ["output"]}>, template_op = "hard_sigmoid"} {
    %0 = coreai.constant dense<3.000000e+00> : tensor<f32>
    %1 = coreai.constant dense<6.000000e+00> : tensor<f32>
    %2 = coreai.constant dense<0.000000e+00> : tensor<f32>
    %3 = coreai.decomposable.broadcasting_add %arg0, %0 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %4 = coreai.decomposable.broadcasting_maximum %3, %2 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %5 = coreai.decomposable.broadcasting_minimum %4, %1 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    %6 = coreai.decomposable.broadcasting_divide %5, %1 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    coreai.output %6 : tensor<4xf32>
  }
  coreai.graph @main(%arg0: tensor<4xf32> {coreai.name = "x"}) -> (tensor<4xf32> {coreai.name = "y"}) {
    %0 = coreai.constant dense<0> : tensor<1xsi32>
    %1 = coreai.constant dense<0.000000e+00> : tensor<f32>
    %2 = coreai.reduce_sum %arg0, %0 : (tensor<4xf32>, tensor<1xsi32>) -> tensor<1xf32>
    %3 = coreai.decomposable.broadcasting_greater %2, %1 : (tensor<1xf32>, tensor<f32>) -> tensor<1xi1>
    %4 = coreai.constant dense<> : tensor<0xui32>
    %5 = coreai.reshape %3, %4 : (tensor<1xi1>, tensor<0xui32>) -> tensor<i1>
    %6 = coreai.if %5 {
      %7 = coreai.invoke @hard_sigmoid_1(%arg0)  : (tensor<4xf32>) -> tensor<4xf32>
      coreai.yield %7 : tensor<4xf32>
    } else {
      %7 = coreai.neg %arg0 : tensor<4xf32> -> tensor<4xf32>
      coreai.yield %7 : tensor<4xf32>
    } : tensor<i1> -> tensor<4xf32>
    coreai.output %6 : tensor<4xf32>
  }
  coreai.graph @twice(%arg0: tensor<4xf32> {coreai.name = "x"}) -> (tensor<4xf32>) {
    coreai.output %arg0 : tensor<4xf32>
  }
}
