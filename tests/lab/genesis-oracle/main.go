// Says of genesis documents whether a node of this CometBFT starts from them. One path a line on stdin; for each, one line on
// stdout: "ok", or "no" and why.
//
// The node is the module's own, made in this process as `cometbft start` makes it (node.DefaultNewNode: document, state,
// handshake with the built-in kvstore, mempool), and not started: it opens no port. `tests/lab/chains` builds one for each
// version; tests compare a sample of its verdicts with the binary itself.
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
)

func main() {
	home, err := os.MkdirTemp("", "genesis-oracle-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(home)
	for _, folder := range []string{"config", "data"} {
		if err := os.Mkdir(filepath.Join(home, folder), 0o700); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		verdict := "ok"
		if why := starts(home, lines.Text()); why != "" {
			verdict = "no " + strings.ReplaceAll(why, "\n", " ")
		}
		fmt.Fprintln(out, verdict)
		out.Flush()
	}
}

// Why no node can be made from the document; empty where one can.
func starts(home, document string) (why string) {
	defer func() {
		if cause := recover(); cause != nil {
			why = fmt.Sprintf("panic: %v", cause)
		}
	}()
	settings := config.DefaultConfig()
	settings.SetRoot(home)
	settings.Genesis = document
	settings.ProxyApp = "kvstore"
	settings.DBBackend = "memdb"
	settings.TxIndex.Indexer = "null"
	if _, err := node.DefaultNewNode(settings, log.NewNopLogger()); err != nil {
		return err.Error()
	}
	return ""
}
