// Command loopback serves local-kms, which listens everywhere, at the address given.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/nsmithuk/local-kms/src"
	"github.com/nsmithuk/local-kms/src/config"
	"github.com/nsmithuk/local-kms/src/data"
)

func main() {
	config.AWSRegion, config.AWSAccountId = "eu-west-1", "111122223333"
	database := data.NewDatabase(os.Args[2])
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { src.HandleRequest(w, r, database) },
	)))
}
