using System.Collections.Frozen;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Options;

/// <summary>What a Hub listener serves, as it is in force. Immutable and thread-safe.</summary>
/// <param name="config">The Hub's settings.</param>
/// <param name="origins">The listener's origins.</param>
internal sealed class HubOptions(HubConfig config, OriginList origins)
{
    /// <summary>Longest channel name, in bytes of UTF-8.</summary>
    public const int MaxChannelBytes = 255;

    /// <summary>Publications that a history command gets at once.</summary>
    public const int MaxHistory = 300;

    /// <summary>How long a client may take from the open socket to its connect command, and for its own goodbye.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How long a client may take to answer a ping.</summary>
    public static readonly TimeSpan PongTimeout = TimeSpan.FromSeconds(8);

    /// <summary>How long after a token has expired a new one may come.</summary>
    public static readonly TimeSpan ExpiryGrace = TimeSpan.FromSeconds(25);

    /// <summary>Presence that is not refreshed ends after this; it is refreshed three times as often.</summary>
    public static readonly TimeSpan PresenceTtl = TimeSpan.FromSeconds(75);

    private readonly FrozenDictionary<string, HubNamespace> _namespaces = config
        .Namespaces.Select(static one => new HubNamespace(one))
        .ToFrozenDictionary(static one => one.Config.Name, StringComparer.Ordinal);

    public HubConfig Config { get; } = config;

    /// <summary>Where browsers may come from.</summary>
    public OriginList Origins { get; } = origins;

    /// <summary>What clients may send.</summary>
    public MessageLimits Limits { get; } = new() { MaxMessageBytes = config.MaxMessageBytes };

    /// <summary>What clients are offered of permessage-deflate; null: nothing. Nobody takes anything over: all share one compressor, and a publication is compressed once.</summary>
    public DeflateOptions? Deflate { get; } =
        config.Compression is { } compression
            ? new DeflateOptions
            {
                Level = compression.Level,
                MinBytes = compression.MinBytes,
                ServerWindowBits = compression.WindowBits,
                ClientWindowBits = compression.WindowBits,
            }
            : null;

    /// <summary>The namespace that a channel is in; null: there is none.</summary>
    public HubNamespace? Find(string channel)
    {
        var colon = channel.IndexOf(':', StringComparison.Ordinal);
        return _namespaces.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(colon < 0 ? "" : channel.AsSpan(0, colon), out var found)
            ? found
            : null;
    }

    /// <summary>Whether a name can be a channel's.</summary>
    public static bool IsValid(string channel)
    {
        if (channel.Length is 0 or > MaxChannelBytes || Encoding.UTF8.GetByteCount(channel) > MaxChannelBytes)
        {
            return false;
        }

        foreach (var character in channel)
        {
            if (char.IsControl(character))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Users that a channel is for: those listed behind its first <c>#</c>, separated by commas. Null: it is for all.</summary>
    public static bool? IsForUser(string channel, string user)
    {
        var mark = channel.IndexOf('#', StringComparison.Ordinal);
        if (mark < 0)
        {
            return null;
        }

        var rest = channel.AsSpan(mark + 1);
        foreach (var range in rest.Split(','))
        {
            if (user.Length > 0 && rest[range].SequenceEqual(user))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The channel of one user; null: there are none.</summary>
    public string? PersonalChannel(string user) =>
        Config.PersonalNamespace is { } name && user.Length > 0 ? (name.Length == 0 ? $"#{user}" : $"{name}:#{user}") : null;
}
