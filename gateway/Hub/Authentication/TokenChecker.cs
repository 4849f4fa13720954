namespace Mooring.Gateway.Hub.Authentication;

/// <summary>Checks the tokens of one listener's clients.</summary>
/// <remarks>Immutable but for the cache of fetched keys, and thread-safe.</remarks>
/// <param name="rules">What tokens must say.</param>
/// <param name="keys">Keys from files.</param>
/// <param name="fetched">Keys behind an URL; null: none.</param>
/// <param name="time">Now.</param>
internal sealed class TokenChecker(JwtRules rules, IReadOnlyList<JwtKey> keys, JwksCache? fetched, TimeProvider time)
{
    /// <summary>Unix seconds now.</summary>
    public long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Whether a token that has just expired would still be taken: what is renewed late may be so late.</summary>
    public TimeSpan Leeway => rules.Leeway;

    /// <summary>Completed at once unless keys have to be fetched.</summary>
    public ValueTask<JwtResult> CheckAsync(string token)
    {
        fetched?.Refresh();
        var result = Check(token);
        return result.Outcome == JwtOutcome.UnknownKey && fetched is not null ? CheckNewerAsync(token) : ValueTask.FromResult(result);
    }

    private async ValueTask<JwtResult> CheckNewerAsync(string token)
    {
        await fetched!.NewerAsync();
        return Check(token);
    }

    private JwtResult Check(string token)
    {
        var all = fetched is null ? keys : [.. keys, .. fetched.Keys];
        return JwtVerifier.Verify(token, all, rules, Now);
    }
}
