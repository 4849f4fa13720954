namespace Mooring.Contracts.Text;

/// <summary>Origins as browsers send them (RFC 6454 §7), and patterns of them. Pure and thread-safe.</summary>
public static class Origins
{
    /// <summary>What <see cref="IsPattern"/> takes, for an error.</summary>
    public const string Meaning = "an origin such as https://example.com, https://*.example.com or http://localhost:3000";

    /// <summary>Longest text of one.</summary>
    public const int MaxLength = 300;

    /// <summary>A scheme, a host, perhaps with <c>*.</c> in front, and perhaps a port of 1 to 65535; nothing behind it.</summary>
    public static bool IsPattern(string text)
    {
        var bare = text.Replace("://*.", "://", StringComparison.Ordinal);
        return text.Length <= MaxLength
            && Uri.TryCreate(bare, UriKind.Absolute, out var uri)
            && bare.Contains("://", StringComparison.Ordinal)
            && uri.Host.Length > 0
            && uri is { UserInfo: "", PathAndQuery: "/" or "", Fragment: "" }
            && !text.EndsWith('/')
            && text.All(static c => c is > ' ' and <= '~')
            && text.Count(static c => c == '*') <= (text.Length > bare.Length ? 1 : 0);
    }
}
