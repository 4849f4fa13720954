using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Host;

/// <summary>Finds the gateway's program.</summary>
internal static class GatewayProgram
{
    private const string Name = "gateway";

    /// <summary>The given path, or the program beside the operator's, or in the build's output beside the operator's project, or in the PATH; null: nowhere.</summary>
    public static string? Find(string? given)
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        if (given is not null)
        {
            return ProcessLauncher.Find(given, path);
        }

        // artifacts/bin/Mooring.Operator/debug/ has its sibling in artifacts/bin/Mooring.Gateway/debug/.
        var here = AppContext.BaseDirectory.TrimEnd('/');
        string[] places = [Path.Combine(here, Name), Path.Combine(here, "..", "..", "Mooring.Gateway", Path.GetFileName(here), Name)];
        return places.Select(Path.GetFullPath).FirstOrDefault(File.Exists) ?? ProcessLauncher.Find(Name, path);
    }
}
