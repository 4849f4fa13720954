namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>Refusals that a client tells from others: those of a port or name, in bore's words where bore has some.</summary>
internal static class TunnelRefusal
{
    public const string PortTaken = "port already in use";
    public const string PortOutside = "client port number not in allowed range";
    public const string NameTaken = "name already in use";

    /// <summary>It will not be had by asking again; anything else may.</summary>
    public static bool IsOfAPort(string text) => text is PortTaken or PortOutside or NameTaken;
}
