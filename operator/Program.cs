using System.CommandLine;
using Mooring.Operator.Entities;
using Mooring.Operator.Host;
using Mooring.Operator.Run;
using Mooring.Operator.Validation;

var root = new RootCommand("Mooring's control plane: fleets of long-lived connections")
{
    RunCommand.Create(),
    ValidateCommand.Create(),
    CrdsCommand.Create(),
    UpCommand.Create(),
};

return await root.Parse(args).InvokeAsync();
