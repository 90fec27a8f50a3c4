// anerun %s --input x=two-x.npy --input y=two-y.npy --input z=two-z.npy
module {
  coreai.graph @main(%arg0: tensor<2x3xf32> {coreai.name = "x"}, %arg1: tensor<3xf32> {coreai.name = "y"}, %arg2: tensor<2x3xf32> {coreai.name = "z"}) -> (tensor<2x3xf32> {coreai.name = "add_r"}, tensor<2x3xf32> {coreai.name = "strict_add_r"}, tensor<2x3xf32> {coreai.name = "sub_r"}, tensor<2x3xf32> {coreai.name = "strict_sub_r"}, tensor<2x3xf32> {coreai.name = "mul_r"}, tensor<2x3xf32> {coreai.name = "strict_mul_r"}, tensor<2x3xf32> {coreai.name = "divide_r"}, tensor<2x3xf32> {coreai.name = "strict_divide_r"}, tensor<2x3xf32> {coreai.name = "floor_divide_r"}, tensor<2x3xf32> {coreai.name = "strict_floor_divide_r"}, tensor<2x3xf32> {coreai.name = "modulo_r"}, tensor<2x3xf32> {coreai.name = "strict_modulo_r"}, tensor<2x3xf32> {coreai.name = "pow_r"}, tensor<2x3xf32> {coreai.name = "strict_pow_r"}, tensor<2x3xf32> {coreai.name = "maximum_r"}, tensor<2x3xf32> {coreai.name = "strict_maximum_r"}, tensor<2x3xf32> {coreai.name = "minimum_r"}, tensor<2x3xf32> {coreai.name = "strict_minimum_r"}, tensor<2x3xi1> {coreai.name = "equal_r"}, tensor<2x3xi1> {coreai.name = "strict_equal_r"}, tensor<2x3xi1> {coreai.name = "not_equal_r"}, tensor<2x3xi1> {coreai.name = "strict_not_equal_r"}, tensor<2x3xi1> {coreai.name = "greater_r"}, tensor<2x3xi1> {coreai.name = "strict_greater_r"}, tensor<2x3xi1> {coreai.name = "and_r"}, tensor<2x3xi1> {coreai.name = "or_r"}, tensor<2x3xi1> {coreai.name = "xor_r"}, tensor<2x3xi1> {coreai.name = "bitwise_and_r"}, tensor<2x3xi1> {coreai.name = "bitwise_or_r"}, tensor<2x3xi1> {coreai.name = "bitwise_xor_r"}, tensor<2x3xi1> {coreai.name = "same_r"}, tensor<2x3xf32> {coreai.name = "where_r"}) {
    %0 = coreai.decomposable.broadcasting_add %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %1 = coreai.add %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %2 = coreai.decomposable.broadcasting_sub %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %3 = coreai.sub %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %4 = coreai.decomposable.broadcasting_mul %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %5 = coreai.mul %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %6 = coreai.decomposable.broadcasting_divide %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %7 = coreai.divide %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %8 = coreai.decomposable.broadcasting_floor_divide %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %9 = coreai.floor_divide %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %10 = coreai.decomposable.broadcasting_modulo %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %11 = coreai.modulo %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %12 = coreai.decomposable.broadcasting_pow %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %13 = coreai.pow %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %14 = coreai.decomposable.broadcasting_maximum %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %15 = coreai.maximum %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %16 = coreai.decomposable.broadcasting_minimum %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %17 = coreai.minimum %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %18 = coreai.decomposable.broadcasting_equal %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
    %19 = coreai.equal %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
    %20 = coreai.decomposable.broadcasting_not_equal %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
    %21 = coreai.not_equal %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
    %22 = coreai.decomposable.broadcasting_greater %arg0, %arg1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
    %23 = coreai.greater %arg0, %arg2 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
    %24 = coreai.decomposable.broadcasting_and %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %25 = coreai.decomposable.broadcasting_or %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %26 = coreai.decomposable.broadcasting_xor %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %27 = coreai.decomposable.broadcasting_bitwise_and %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %28 = coreai.decomposable.broadcasting_bitwise_or %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %29 = coreai.decomposable.broadcasting_bitwise_xor %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %30 = coreai.decomposable.broadcasting_equal %22, %18 : (tensor<2x3xi1>, tensor<2x3xi1>) -> tensor<2x3xi1>
    %31 = coreai.decomposable.broadcasting_where %22, %arg0, %arg1 : (tensor<2x3xi1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    coreai.output %0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xi1>, tensor<2x3xf32>
  }
}
