using System.Security.Cryptography;
using System.Text;

namespace Mooring.Operator.Planning;

/// <summary>The one place where names of a fleet's objects are made. Each is a DNS-1035 label; the same fleet and part always give the same name.</summary>
internal static class ResourceNames
{
    private const string BackendInfix = "-backend-";

    // A pod's name adds "-<10>-<5>" to its Deployment's and is the pod's host name, which ends at 63.
    private const int MaxDeployment = 63 - 17;

    private const int MaxLabel = 63;

    /// <summary>Of the Service, the ConfigMap, the ServiceAccount, the NetworkPolicy and the PodDisruptionBudget of the gateways.</summary>
    public static string Gateway(string fleet) => Fit(fleet, "-gateway", MaxLabel);

    public static string GatewayDeployment(string fleet, string revision) => Fit(fleet, $"-gateway-{revision}", MaxDeployment);

    /// <summary>Of the Service and the ServiceMonitor of the gateways' metrics.</summary>
    public static string Metrics(string fleet) => Fit(fleet, "-metrics", MaxLabel);

    /// <summary>Of the DaemonSet and the ServiceAccount of the nodes' tuners.</summary>
    public static string Tuner(string fleet) => Fit(fleet, "-tuner", MaxLabel - 11);

    /// <summary>Of the pod that tries unsafe kernel settings.</summary>
    public static string SysctlTrial(string fleet, string trial) => Fit(fleet, $"-sysctls-{trial}", MaxLabel);

    /// <summary>Of a backend's Deployment and headless Service.</summary>
    public static string Backend(string fleet, string backend)
    {
        var name = fleet + BackendInfix + backend;
        // The fleet a-backend-b with the backend c, and the fleet a with the backend b-backend-c, must not meet.
        var unambiguous = name.IndexOf(BackendInfix, StringComparison.Ordinal) == name.LastIndexOf(BackendInfix, StringComparison.Ordinal);
        return unambiguous && IsLabel(name, MaxDeployment) ? name : Shorten(name, Hash($"{fleet}/{backend}"), MaxDeployment);
    }

    private static string Fit(string fleet, string suffix, int longest) =>
        IsLabel(fleet + suffix, longest) ? fleet + suffix : Shorten(fleet, Hash(fleet) + suffix, longest);

    private static string Shorten(string name, string suffix, int longest)
    {
        var label = new StringBuilder(name.Length);
        foreach (var letter in name.ToLowerInvariant())
        {
            label.Append(char.IsAsciiLetterOrDigit(letter) ? letter : '-');
        }

        if (!char.IsAsciiLetter(label[0]))
        {
            label.Insert(0, "fleet-");
        }

        var room = Math.Min(label.Length, longest - suffix.Length - 1);
        return $"{label.ToString(0, room).TrimEnd('-')}-{suffix}";
    }

    private static bool IsLabel(string name, int longest) =>
        name.Length <= longest
        && char.IsAsciiLetterLower(name[0])
        && char.IsAsciiLetterOrDigit(name[^1])
        && name.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-');

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
}
