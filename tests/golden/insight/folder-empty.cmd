# mkdir %t/a %t/b && anediff %t/a %t/b
# exit: 1
