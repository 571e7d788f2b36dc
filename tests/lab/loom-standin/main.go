// A stand-in for the loom binary (2.0.0), which can no longer be had: its files, its words and its quirks, with blocks
// by Tendermint 0.32.14 in the same process. README.md beside this file says what it reproduces and what not.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/viper"
	cfg "github.com/tendermint/tendermint/config"
	"github.com/tendermint/tendermint/p2p"
)

const root = "chaindata"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: loom init [-f] | nodekey | version | reset | run [--persistent-peers LIST]")
		os.Exit(1)
	}
	var err error
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	switch os.Args[1] {
	case "init":
		force := flags.Bool("force", false, "make new keys and documents")
		flags.BoolVar(force, "f", false, "the same")
		_ = flags.Parse(os.Args[2:])
		err = initNode(readSettings(), *force)
	case "nodekey":
		nodekey()
	case "version":
		fmt.Fprintln(os.Stderr, "2.0.0+dev+350994c2")
	case "reset":
		err = reset()
	case "run":
		peers := flags.String("persistent-peers", "", "ID@HOST:PORT, separated by commas")
		_ = flags.Parse(os.Args[2:])
		err = run(readSettings(), *peers)
	default:
		err = fmt.Errorf("unknown command %q for \"loom\"", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// readSettings reads loom.yml where loom looks for it. A broken file and unknown keys are ignored in silence.
// PersistentPeers is not read at all: only the flag counts.
func readSettings() *viper.Viper {
	v := viper.New()
	v.SetConfigName("loom")
	for _, folder := range []string{".", "./config", "./../../../"} {
		v.AddConfigPath(folder)
	}
	v.SetDefault("DPOSVersion", 3)
	v.SetDefault("ChainID", "default")
	v.SetDefault("RPCListenAddress", "tcp://127.0.0.1:46657")
	v.SetDefault("RPCBindAddress", "tcp://0.0.0.0:46658")
	v.SetDefault("QueryServerHost", "tcp://127.0.0.1:9999")
	_ = v.ReadInConfig()
	return v
}

func configFile(name string) string { return filepath.Join(root, "config", name) }

// nodekey makes the key where there is none. An internal error is said on stdout, with status 0.
func nodekey() {
	var key *p2p.NodeKey
	err := makeFolders()
	if err == nil {
		key, err = p2p.LoadOrGenNodeKey(configFile("node_key.json"))
	}
	if err != nil {
		fmt.Println("Error in determining Node Key")
		return
	}
	fmt.Println(key.ID())
}

// reset takes the chain back to height 0; keys and documents stay.
func reset() error {
	for _, path := range append([]string{filepath.Join(root, "data")}, appFolders...) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	key, err := loadValidator(configFile("priv_validator.json"))
	if err != nil {
		return err
	}
	return key.reset()
}

// tendermintConfig reads a config.toml of 0.27: what 0.32 does not know in it is ignored.
func tendermintConfig(settings *viper.Viper, peers string) (*cfg.Config, error) {
	v := viper.New()
	v.SetConfigFile(configFile("config.toml"))
	if err := v.ReadInConfig(); err != nil {
		return nil, err
	}
	config := cfg.DefaultConfig()
	if err := v.Unmarshal(config); err != nil {
		return nil, err
	}
	config.SetRoot(root)
	config.Genesis = "config/genesis.json"
	config.DBBackend = "goleveldb" // 0.27's name of it was leveldb
	config.RPC.ListenAddress = settings.GetString("RPCListenAddress")
	config.P2P.PersistentPeers = peers
	return config, config.ValidateBasic()
}
