using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>A Lua script, called by its hash, and sent whole to a server that does not know it yet. Immutable.</summary>
internal sealed class RespScript
{
    private readonly string _body;
    private readonly string _hash;

    public RespScript(string body)
    {
        _body = body;
        // What EVALSHA goes by; nothing is kept safe with it.
#pragma warning disable CA5350
        _hash = Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(body)));
#pragma warning restore CA5350
    }

    /// <summary>One of the program's own, put together from its parts.</summary>
    public static RespScript Embedded(params ReadOnlySpan<string> names)
    {
        var body = new StringBuilder();
        foreach (var name in names)
        {
            using var stream =
                Assembly.GetExecutingAssembly().GetManifestResourceStream($"Hub.{name}.lua")
                ?? throw new InvalidOperationException($"{name}.lua is not in the program");
            using var reader = new StreamReader(stream);
            body.Append(reader.ReadToEnd());
        }

        return new RespScript(body.ToString());
    }

    /// <summary>Makes a server know it.</summary>
    public RespCommand Load() => RespCommand.Of("SCRIPT", "LOAD", _body);

    /// <param name="keys">All of one slot; at least one.</param>
    /// <param name="arguments">Its ARGV.</param>
    /// <param name="whole">The script itself instead of its hash.</param>
    public RespCommand Call(ReadOnlySpan<string> keys, ReadOnlySpan<RespArgument> arguments, bool whole)
    {
        var parts = new RespArgument[3 + keys.Length + arguments.Length];
        parts[0] = whole ? "EVAL" : "EVALSHA";
        parts[1] = whole ? _body : _hash;
        parts[2] = keys.Length;
        for (var i = 0; i < keys.Length; i++)
        {
            parts[3 + i] = keys[i];
        }

        arguments.CopyTo(parts.AsSpan(3 + keys.Length));
        return RespCommand.For(keys[0], parts);
    }
}
