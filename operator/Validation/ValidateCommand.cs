using System.CommandLine;

namespace Mooring.Operator.Validation;

/// <summary><c>operator validate -f FILE|-|DIR</c>: says everything that is wrong with manifests, without a cluster.</summary>
public static class ValidateCommand
{
    public static Command Create()
    {
        var files = new Option<string[]>("--file", "-f")
        {
            Description = "A manifest in YAML or JSON, - for standard input, or a directory of manifests; may be given several times",
            Required = true,
            HelpName = "FILE|-|DIR",
        };
        var output = new Option<string>("--output", "-o") { Description = "text or json", DefaultValueFactory = _ => "text" };
        output.AcceptOnlyFromAmong("text", "json");
        var host = new Option<bool>("--host") { Description = "Also ask for what host mode (operator up) needs" };

        var command = new Command(
            "validate",
            "Say everything that is wrong with manifests. Exit code: 0 all good, 1 something wrong, 2 a bad option, or a file that cannot be read"
        )
        {
            files,
            output,
            host,
        };
        command.SetAction(parsed =>
        {
            var report = ManifestReport.Read(parsed.GetValue(files)!, Console.In, parsed.GetValue(host));
            if (parsed.GetValue(output) == "json")
            {
                report.WriteJson(parsed.InvocationConfiguration.Output);
            }
            else
            {
                report.WriteText(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            }

            return report.ExitCode;
        });
        return command;
    }
}
