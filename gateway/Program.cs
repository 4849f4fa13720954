using System.CommandLine;
using System.CommandLine.Invocation;
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
var parsed = root.Parse(args);
var code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

// Bad options: the library's own 1 says something else of most verbs.
return parsed.Action is ParseErrorAction ? 2 : code;
