using System.CommandLine;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Operator.Entities;

/// <summary><c>operator crds [-o DIR]</c>: writes the CustomResourceDefinition.</summary>
public static class CrdsCommand
{
    public static Command Create()
    {
        var directory = new Option<string?>("--output", "-o")
        {
            Description = "Directory to write the files to; left out: standard output",
            HelpName = "DIR",
        };
        var command = new Command("crds", "Write the CustomResourceDefinition") { directory };
        command.SetAction(parsed => Write(parsed.GetValue(directory), parsed.InvocationConfiguration));
        return command;
    }

    private static int Write(string? directory, InvocationConfiguration console)
    {
        if (directory is null)
        {
            console.Output.Write(CrdGenerator.GenerateYaml());
            return 0;
        }

        try
        {
            Directory.CreateDirectory(directory);
            var file = Path.Combine(directory, CrdGenerator.FileName);
            File.WriteAllText(file, CrdGenerator.GenerateYaml());
            console.Output.WriteLine(file);
            return 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            console.Error.WriteLine($"operator crds: {error.Message}");
            return 2;
        }
    }
}
