using System.CommandLine;
using System.CommandLine.Invocation;
using Mooring.Contracts.Processes;
using Mooring.Operator.Entities;
using Mooring.Operator.Host;
using Mooring.Operator.Installation;
using Mooring.Operator.Run;
using Mooring.Operator.Validation;

// Before anything else: what comes earlier is lost to the first process of a container.
using var early = EarlySignals.Handle();

var root = new RootCommand("Mooring's control plane: fleets of long-lived connections")
{
    RunCommand.Create(),
    ValidateCommand.Create(),
    CrdsCommand.Create(),
    UpCommand.Create(),
    InstallationCommands.CreateCheck(),
    InstallationCommands.CreateUninstall(),
};

var parsed = root.Parse(args);
var configuration = new InvocationConfiguration();
if (parsed.CommandResult.Command.Name == "up")
{
    // It takes its signals itself: a drain lasts longer than the seconds after which the command line would end the process.
    configuration.ProcessTerminationTimeout = null;
}
else if (parsed.CommandResult.Command.Name == "run")
{
    // To close the streams, take the label away and give the lease up; well within a pod's usual grace of 30 s.
    configuration.ProcessTerminationTimeout = TimeSpan.FromSeconds(20);
}

var code = await parsed.InvokeAsync(configuration);

// Bad options: the library's own 1 says something else of most verbs.
return parsed.Action is ParseErrorAction ? 2 : code;
