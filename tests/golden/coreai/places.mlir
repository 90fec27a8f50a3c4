// anerun %s --input x=places-x.npy --input i=places-i.npy --input u=places-u.npy --input n=places-n.npy
module {
  coreai.graph @main(%arg0: tensor<2x3xf32> {coreai.name = "x"}, %arg1: tensor<2x3xsi32> {coreai.name = "i"}, %arg2: tensor<2x3xf32> {coreai.name = "u"}, %arg3: tensor<2x1xsi32> {coreai.name = "n"}) -> (tensor<2x3xf32> {coreai.name = "rows"}, tensor<2x3xf32> {coreai.name = "along"}, tensor<2x3xf32> {coreai.name = "put"}, tensor<2x3xf32> {coreai.name = "added"}, tensor<2x3xf32> {coreai.name = "times"}, tensor<2x3xf32> {coreai.name = "put_rows"}, tensor<?x2xsi32> {coreai.name = "found"}) {
    %0 = coreai.constant dense<1> : tensor<si32>
    %1 = coreai.gather_nd %arg0 at %arg3 : (tensor<2x3xf32>, tensor<2x1xsi32>) to tensor<2x3xf32>
    %2 = coreai.gather_along_axis %arg0 at %arg1 along %0 : (tensor<2x3xf32>, tensor<2x3xsi32>, tensor<si32>) to tensor<2x3xf32>
    %3 = coreai.scatter_along_axis %arg0, %arg1, %arg2, %0 : (tensor<2x3xf32>, tensor<2x3xsi32>, tensor<2x3xf32>, tensor<si32>) -> tensor<2x3xf32>
    %4 = coreai.scatter_along_axis %arg0, %arg1, %arg2, %0 scatter_mode = <add> : (tensor<2x3xf32>, tensor<2x3xsi32>, tensor<2x3xf32>, tensor<si32>) -> tensor<2x3xf32>
    %5 = coreai.scatter_along_axis %arg0, %arg1, %arg2, %0 scatter_mode = <mul> : (tensor<2x3xf32>, tensor<2x3xsi32>, tensor<2x3xf32>, tensor<si32>) -> tensor<2x3xf32>
    %6 = coreai.scatter_nd %arg0, %arg3, %arg2 : (tensor<2x3xf32>, tensor<2x1xsi32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %7 = coreai.non_zero %arg1 : tensor<2x3xsi32> -> tensor<?x2xsi32>
    coreai.output %1, %2, %3, %4, %5, %6, %7 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<?x2xsi32>
  }
}
