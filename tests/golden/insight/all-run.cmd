# sh ./all.sh < all-run.list
