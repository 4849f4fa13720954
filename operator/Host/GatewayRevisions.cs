using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Host;

/// <summary>Names what the gateways run: another name, and they are replaced, their connections handed over.</summary>
/// <remarks>Used on the supervisor's loop only.</remarks>
/// <param name="path">The gateway's program.</param>
/// <param name="time">The clock.</param>
internal sealed class GatewayRevisions(string path, TimeProvider time)
{
    /// <summary>A program that changed has to stay as it is for so long: somebody may still be copying it.</summary>
    public static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    // The program of a build is a small starter beside the library that changes.
    private readonly string[] _files = [path, path + ".dll"];
    private string _program = "";
    private string _seen = "";
    private long _seenAt;
    private int _restarts;

    /// <summary>Replaces all gateways, changed or not.</summary>
    public void Restart() => _restarts++;

    /// <summary>The revision of a fleet's gateways: of the program on disk, of what the manifest says their pods are, and of restarts asked for.</summary>
    public string Of(GatewaySpec spec)
    {
        var template = JsonSerializer.Serialize(
            new FleetSpec
            {
                Gateway = new GatewaySpec { Image = spec.Image, Template = spec.Template },
            },
            FleetJson.Default.FleetSpec
        );
        var text = $"{Program()} {_restarts.ToString(CultureInfo.InvariantCulture)} {template}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
    }

    private string Program()
    {
        var now = string.Join(' ', _files.Select(Describe));
        if (now != _seen)
        {
            (_seen, _seenAt) = (now, time.GetTimestamp());
        }

        if (_program.Length == 0 || (time.GetElapsedTime(_seenAt) >= Settle && File.Exists(path)))
        {
            _program = _seen;
        }

        return _program;
    }

    private static string Describe(string file)
    {
        var info = new FileInfo(file);
        return info.Exists ? string.Create(CultureInfo.InvariantCulture, $"{info.Length}:{info.LastWriteTimeUtc.Ticks}") : "none";
    }
}
