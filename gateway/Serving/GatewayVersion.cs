using System.Reflection;

namespace Mooring.Gateway.Serving;

internal static class GatewayVersion
{
    /// <summary>Version of this program, such as <c>0.1.0</c>.</summary>
    public static string Text { get; } =
        typeof(GatewayVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "unknown";
}
