using System.CommandLine;
using Mooring.Operator.Entities;
using Mooring.Operator.Validation;

var root = new RootCommand("Mooring's control plane: fleets of long-lived connections")
{
    ValidateCommand.Create(),
    CrdsCommand.Create(),
};

return await root.Parse(args).InvokeAsync();
