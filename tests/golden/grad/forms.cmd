# sh ./forms.sh %t
