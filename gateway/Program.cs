using System.CommandLine;
using Mooring.Contracts.Processes;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Tuning;
using Mooring.Gateway.Tunnels.Client;

// Before anything else: what comes earlier is lost to the first process of a container.
using var early = EarlySignals.Handle();

var root = new RootCommand("Mooring gateway: carries long-lived connections")
{
    ServeCommand.Create(),
    TunnelCommand.Create(),
    TuneNodeCommand.Create(),
    BenchCommand.Create(),
};

// Each verb handles its own signals: a drain takes longer than the library's two seconds.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
