# mkdir %t/a %t/b; anediff --from mil --model %t/a %t/a %t/b
# exit: 3
