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
        var came = fetched?.Refresh() ?? 0;
        var result = Check(token);
        return result.Outcome == JwtOutcome.UnknownKey && fetched is not null ? CheckNewerAsync(token, came) : ValueTask.FromResult(result);
    }

    private async ValueTask<JwtResult> CheckNewerAsync(string token, long came)
    {
        var isNew = await fetched!.NewerAsync(came);
        var result = Check(token);
        return result.Outcome == JwtOutcome.UnknownKey && !isNew
            ? new JwtResult(JwtOutcome.Undecided, null, "keys that are newer than it could not be fetched")
            : result;
    }

    private JwtResult Check(string token)
    {
        var all = fetched is null ? keys : [.. keys, .. fetched.Keys];
        return JwtVerifier.Verify(token, all, rules, Now);
    }
}
