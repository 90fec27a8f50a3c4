# sh chips.sh llama_block %t
