# A Vagrant provisioner that runs loomctl on this machine, once for all machines of a Vagrantfile:
#
#   require_relative "loomctl"
#   config.vm.provision :loomctl, run: "always" do |loomctl|
#     loomctl.vars = { "chain" => "cometbft", "binary" => "./cometbft" }
#   end
#
# It is a provisioner like `ansible`: `--no-provision`, `vagrant provision`, `--provision-with loomctl` and `run: "always"`
# hold for it. A machine's turn only notes that loomctl is wanted: it runs when vagrant's own work is done, so that
# `vagrant up` of one machine or of many, one after another or at once, ends in one run on all of them.
require "json"
require "fileutils"

module LoomctlVagrant
  # What the Vagrantfile says: the same words as in an inventory.
  class Config < Vagrant.plugin("2", :config)
    # vars: of all hosts. host_vars: {machine => {variable => value}}. groups: {group => [machine, …]}.
    # program: loomctl itself. arguments: more flags for `loomctl up`.
    attr_accessor :vars, :host_vars, :groups, :program, :arguments

    def initialize
      @vars = @host_vars = @groups = @program = @arguments = UNSET_VALUE
    end

    def finalize!
      @vars = {} if @vars == UNSET_VALUE
      @host_vars = {} if @host_vars == UNSET_VALUE
      @groups = {} if @groups == UNSET_VALUE
      @program = ENV.fetch("LOOMCTL", "loomctl") if @program == UNSET_VALUE
      @arguments = [] if @arguments == UNSET_VALUE
    end

    def validate(_machine)
      wrong = []
      { "vars" => @vars, "host_vars" => @host_vars, "groups" => @groups }.each do |name, value|
        wrong << "#{name} has to be a Hash, as in {\"chain\" => \"cometbft\"}" unless value.is_a?(Hash)
      end
      wrong << "arguments has to be an Array, as in [\"--roll\"]" unless @arguments.is_a?(Array)
      { "loomctl provisioner" => wrong }
    end
  end

  class Provisioner < Vagrant.plugin("2", :provisioner)
    def provision
      Wanted.by(@machine, config)
    end
  end

  # The one run at the end. Machines that are brought up at once are threads of this process.
  module Wanted
    @lock = Mutex.new
    @run = nil

    def self.by(machine, config)
      @lock.synchronize do
        next machine.ui.detail("loomctl will run when the last machine is up.") if @run
        machine.ui.info("loomctl will run when the last machine is up.")
        @run = [machine.env, config]
        owner = Process.pid
        at_exit { Wanted.finish($!) if Process.pid == owner }
      end
    end

    # Runs loomctl unless vagrant's own work has failed; its status becomes vagrant's.
    def self.finish(error)
      env, config = @run
      failed = error && !(error.is_a?(SystemExit) && error.success?)
      if failed
        return env.ui.error("vagrant has failed, so loomctl was not run. Once the machines are up: vagrant provision")
      end
      off = Wanted.off(env)
      unless off.empty?
        return env.ui.warn("loomctl was not run: #{off.join(", ")} not up yet. `vagrant up` brings all up.")
      end
      Wanted.write(env, config)
      command = [config.program, "up", "--vagrant", env.root_path.to_s, *config.arguments.map(&:to_s)]
      env.ui.info("==> #{command.join(" ")}")
      done = Vagrant::Util::Env.with_original_env do
        system({ "LOOMCTL_INVENTORY" => nil }, *command)
      end
      env.ui.error("#{config.program} was not found: install loomctl, or name it in LOOMCTL") if done.nil?
      exit(done.nil? ? 127 : $?.exitstatus || 1) unless done
    end

    # Machines that the Vagrantfile names and that do not run.
    def self.off(env)
      made = env.active_machines.to_h
      env.machine_names.reject { |name| made[name] && Wanted.running?(env.machine(name, made[name])) }
    end

    # Vagrant locks a machine while any vagrant looks at it; whoever looks for long leaves the question to loomctl.
    def self.running?(machine, tries = 20)
      machine.state.id == :running
    rescue Vagrant::Errors::MachineLocked
      return true if tries.zero?
      sleep 0.25
      running?(machine, tries - 1)
    end

    # For `loomctl --vagrant`, now and later.
    def self.write(env, config)
      said = { "vars" => config.vars, "host_vars" => config.host_vars, "groups" => config.groups }
      path = env.local_data_path.join("loomctl.json")
      beside = env.local_data_path.join("loomctl.json.new")
      File.write(beside, JSON.pretty_generate(said) + "\n", perm: 0o600)
      FileUtils.mv(beside, path)
    end
  end

  class Plugin < Vagrant.plugin("2")
    name "loomctl"
    config(:loomctl, :provisioner) { Config }
    provisioner(:loomctl) { Provisioner }
  end
end
