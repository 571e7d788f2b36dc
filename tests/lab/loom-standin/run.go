package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/viper"
	cfg "github.com/tendermint/tendermint/config"
	tmflags "github.com/tendermint/tendermint/libs/cli/flags"
	"github.com/tendermint/tendermint/libs/log"
	"github.com/tendermint/tendermint/node"
	"github.com/tendermint/tendermint/p2p"
	"github.com/tendermint/tendermint/proxy"
	"github.com/tendermint/tendermint/types"
	dbm "github.com/tendermint/tm-db"
)

func run(settings *viper.Viper, peers string) error {
	logger := log.NewTMLogger(log.NewSyncWriter(os.Stdout))
	config, err := tendermintConfig(settings, withIDs(peers, logger))
	if err != nil {
		return err
	}
	if logger, err = tmflags.ParseLogLevel(config.LogLevel, logger, "info"); err != nil {
		return err
	}
	n, err := newNode(config, logger)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		if n.IsRunning() {
			_ = n.Stop()
		}
		os.Exit(0)
	}()
	// A genesis_time in the future is slept away in here, with no port open.
	if err := n.Start(); err != nil {
		return err
	}
	addresses := []string{settings.GetString("RPCBindAddress")}
	if strings.HasSuffix(config.P2P.ListenAddress, ":46656") {
		// Builds of 2018, with this p2p port, had a query server; newer ones ignore the setting.
		addresses = append(addresses, settings.GetString("QueryServerHost"))
	}
	return serve(addresses, config.RPC.ListenAddress)
}

// withIDs drops peers without an id, with one log line each.
func withIDs(peers string, logger log.Logger) string {
	var good []string
	for _, peer := range strings.Split(peers, ",") {
		if strings.Contains(peer, "@") {
			good = append(good, peer)
		} else if peer != "" {
			logger.Error("Error in peer's address", "err", fmt.Sprintf("address (%s) does not contain ID", peer))
		}
	}
	return strings.Join(good, ",")
}

func newNode(config *cfg.Config, logger log.Logger) (*node.Node, error) {
	key, err := loadValidator(configFile("priv_validator.json"))
	if err != nil {
		return nil, err
	}
	nodeKey, err := p2p.LoadNodeKey(configFile("node_key.json"))
	if err != nil {
		return nil, err
	}
	doc, err := readDocument("genesis.json")
	if err != nil {
		return nil, err
	}
	// It must be there, though after the first start the copy in state.db is the one that counts.
	text, err := os.ReadFile(config.GenesisFile())
	if err != nil {
		return nil, err
	}
	application, err := newApp(doc)
	if err != nil {
		return nil, err
	}
	genesis := func() (*types.GenesisDoc, error) {
		text, err := forTendermint032(text)
		if err != nil {
			return nil, err
		}
		parsed, err := types.GenesisDocFromJSON(text)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, v := range parsed.Validators {
			if seen[v.PubKey.Address().String()] {
				panic("Cannot compare identical validators")
			}
			seen[v.PubKey.Address().String()] = true
		}
		return parsed, nil
	}
	return node.NewNode(config, key, nodeKey, proxy.NewLocalClientCreator(application), genesis,
		func(ctx *node.DBContext) (dbm.DB, error) { return node.DefaultDBProvider(ctx) },
		node.DefaultMetricsProvider(config.Instrumentation), logger)
}

// serve answers /rpc/… on loom's own addresses with what Tendermint's RPC says.
func serve(addresses []string, rpc string) error {
	target, err := url.Parse("http://" + strings.TrimPrefix(rpc, "tcp://"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/rpc/", http.StripPrefix("/rpc", httputil.NewSingleHostReverseProxy(target)))
	failed := make(chan error)
	for _, address := range addresses {
		listener, err := net.Listen("tcp", strings.TrimPrefix(address, "tcp://"))
		if err != nil {
			return err
		}
		go func() { failed <- http.Serve(listener, mux) }()
	}
	return <-failed
}
