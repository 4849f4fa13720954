namespace Mooring.Operator.AdminApi;

/// <summary>Says who asks, and whether they may. Thread-safe.</summary>
internal interface IAdminAccess
{
    /// <param name="context">The request, with its credentials.</param>
    /// <param name="rule">What right is needed.</param>
    /// <param name="ns">Namespace of the fleet; empty: all.</param>
    /// <param name="name">Of the fleet; empty: all.</param>
    Task<AccessVerdict> JudgeAsync(HttpContext context, AccessRule rule, string ns, string name);
}

/// <summary>Who asks; or why they are not answered.</summary>
internal sealed record AccessVerdict(string Caller, Problem? Problem = null)
{
    public static AccessVerdict Refuse(Problem problem) => new("", problem);
}

/// <summary>Reads the Authorization header.</summary>
internal static class BearerToken
{
    private const string Scheme = "Bearer ";

    // A projected token is about 1.2 KB.
    private const int MaxLength = 16 * 1024;

    /// <summary>Null: there is none.</summary>
    public static string? Of(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        return
            header.Length is > 7 and <= MaxLength
            && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && header[Scheme.Length..].Trim() is { Length: > 0 } token
            ? token
            : null;
    }
}
