# sh ./all.sh < all-run-more.list
