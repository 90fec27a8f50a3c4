# forms.sh DIR -- each line of forms.list, the inputs' shape, the result's and a statement, as a program: the kernels
# that the processor's backend has for it, and what it computes.
while IFS='|' read -r in out call; do
    more=
    case $call in rnn*) more=", tensor<fp32, [2, 2]> last" ;; esac
    cat > "$1/p.mil" <<P
program(1.3)
{
    func main<ios18>(tensor<fp32, [$in]> x) {
        tensor<fp32, [$out]> y$more = $call[name = string("y")];
    } -> (y);
}
P
    echo "$call"
    anerun -q -b cpu --random 1 --plan "$1/p.mil" | sed -nE 's/ +[0-9]+\.[0-9]  / T  /; 3,$p'
    anerun -q -b cpu --random 1 "$1/p.mil"
done < forms.list
