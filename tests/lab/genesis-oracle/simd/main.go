// Says of the Cosmos SDK's genesis documents whether simd (ibc-go's, SDK 0.50) starts from them; as ../main.go does for CometBFT's.
//
// A node is made as `simd start` makes it: chain id and document read by the SDK, the handshake with the application, whose InitChain
// reads every module's state and executes the signed transactions.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cosmossdk.io/log"
	"github.com/cometbft/cometbft/config"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/server"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/ibc-go/v8/testing/simapp"
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
		if err := starts(home, lines.Text()); err != nil {
			verdict = "no " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Fprintln(out, verdict)
		out.Flush()
	}
}

// Why no node can be made from the document.
func starts(home, document string) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	file, err := os.Open(document)
	if err != nil {
		return err
	}
	chainID, err := genutiltypes.ParseChainIDFromGenesis(file)
	file.Close()
	if err != nil {
		return err
	}
	app := simapp.NewSimApp(log.NewNopLogger(), dbm.NewMemDB(), nil, true,
		simtestutil.NewAppOptionsWithFlagHome(home), baseapp.SetChainID(chainID))
	settings := config.DefaultConfig()
	settings.SetRoot(home)
	settings.DBBackend = "memdb"
	settings.TxIndex.Indexer = "null"
	nodeKey, err := p2p.LoadOrGenNodeKey(settings.NodeKeyFile())
	if err != nil {
		return err
	}
	genesis := func() (*types.GenesisDoc, error) {
		read, err := genutiltypes.AppGenesisFromFile(document)
		if err != nil {
			return nil, err
		}
		if read.Consensus == nil {
			return nil, errors.New("no consensus in the document") // simd dereferences it
		}
		return read.ToGenesisDoc()
	}
	_, err = node.NewNodeWithContext(
		context.Background(), settings,
		privval.LoadOrGenFilePV(settings.PrivValidatorKeyFile(), settings.PrivValidatorStateFile()),
		nodeKey, proxy.NewLocalClientCreator(server.NewCometABCIWrapper(app)), genesis,
		config.DefaultDBProvider, node.DefaultMetricsProvider(settings.Instrumentation), cmtlog.NewNopLogger(),
	)
	return err
}
