"""People: who they are, how they come in, and the first run that makes the first of them."""

from typing import TypedDict

from appliance.bootstrap.ground import Ground
from appliance.services.first_run import FirstRun
from appliance.services.own_password import OwnPassword
from appliance.services.passwords import Passwords
from appliance.services.place import Place
from appliance.services.second_factor import SecondFactor
from appliance.services.sessions import Sessions
from appliance.services.setup import Setup
from appliance.services.user_changes import UserChanges
from appliance.services.users import Users


class People(TypedDict):
    """Named as in `Services`."""

    users: Users
    user_changes: UserChanges
    own_password: OwnPassword
    second_factor: SecondFactor
    sessions: Sessions
    setup: Setup
    place: Place
    first_run: FirstRun


def build_people(ground: Ground) -> People:
    settings, database, clock, run_native = ground.settings, ground.database, ground.clock, ground.run_native
    users = Users(database, run_native=run_native, clock=clock)
    passwords = Passwords(run_native)
    sessions = Sessions(database, settings.web, clock=clock)
    return People(
        users=users,
        user_changes=UserChanges(database, passwords, clock=clock, forget=sessions.forget),
        own_password=OwnPassword(database, passwords, clock=clock, forget=sessions.forget_but),
        second_factor=SecondFactor(database, ground.vault, clock=clock),
        sessions=sessions,
        setup=Setup(users, minutes=settings.appliance.setup_minutes, clock=clock, data_dir=settings.data_dir),
        place=Place(database, settings.appliance, settings.data_dir, run_native=run_native, clock=clock),
        first_run=FirstRun(database, clock=clock),
    )
