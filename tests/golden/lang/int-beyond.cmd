# for v in 'int8 128' 'int8 -129' 'uint8 256' 'uint8 -1' 'int16 32768' 'int16 -32769' 'uint16 65536' 'uint16 -1' 'int32 2147483648' 'int32 -2147483649'; do
# exit: 1
set -- $v
{ echo "model main(x: $1[2]) -> y {"; echo "    weight w: $1[2] = [0, $2]"; echo '    y = mil.concat([x, w], axis = 0)'; echo '}'; } > %t/n.anedsl
anec --check --target host %t/n.anedsl
done
