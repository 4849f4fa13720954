namespace Mooring.Contracts.Text;

/// <summary>Host names that connections are told apart by. They are compared as they are written, so one that no client sends would never match. Pure and thread-safe.</summary>
public static class HostNames
{
    /// <summary>What <see cref="IsName"/> takes, for an error.</summary>
    public const string Meaning = "a host name (letters, digits and '-', other letters as 'xn--…', no port and no dot at the end)";

    /// <summary>A DNS name of at most 253 ASCII characters, and no address. Underscores too: names inside a network have them.</summary>
    public static bool IsName(string text) =>
        text.Length <= 253 && text.Split('.').All(IsLabel) && Uri.CheckHostName(text) is UriHostNameType.Dns;

    /// <summary>A name, or <c>*.</c> and a name.</summary>
    public static bool IsPattern(string text) => IsName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text);

    /// <summary>As Host headers have it: IPv6 in brackets (RFC 3986 §3.2.2).</summary>
    public static bool IsAddress(string text) =>
        Uri.CheckHostName(text) is UriHostNameType.IPv4 || (text.StartsWith('[') && Uri.CheckHostName(text) is UriHostNameType.IPv6);

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= 63
        && label[0] != '-'
        && label[^1] != '-'
        && label.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
