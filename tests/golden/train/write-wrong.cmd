# cd %t; echo '{}' > braces; : > empty; for v in braces empty absent; do anegen --model $OLDPWD/net.anedsl --vocab $v none.safetensors; echo "exit $?" >&2; done
