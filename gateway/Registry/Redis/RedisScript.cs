using System.Reflection;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>The Lua scripts of <c>Scripts/</c>: each is one step of the registry that Redis does as a whole.</summary>
/// <remarks>Sent whole with EVAL each time: they are a kilobyte, run once a second, and there is no cache of the server's to be wrong about.</remarks>
internal static class RedisScript
{
    public static readonly string Register = Read("register");
    public static readonly string List = Read("list");
    public static readonly string Unregister = Read("unregister");
    public static readonly string Claim = Read("claim");
    public static readonly string Renew = Read("renew");
    public static readonly string Release = Read("release");
    public static readonly string Find = Read("find");
    public static readonly string Lease = Read("lease");
    public static readonly string Count = Read("count");

    /// <summary>Does nothing, where the fleet's keys are: what PING is to a server, this is to a cluster's slot.</summary>
    public const string Ping = "return 1";

    private static string Read(string name)
    {
        using var stream =
            Assembly.GetExecutingAssembly().GetManifestResourceStream($"Registry.{name}.lua")
            ?? throw new InvalidOperationException($"{name}.lua is not in the program");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
